//! Price-level order book of one instrument, kept by change identifiers.
//!
//! Every change names the change before it; a book is only as good as that chain. It also needs a
//! start: a snapshot, to which the changes seen meanwhile are chained, or, if it is told to join
//! mid-stream, the first change, from when on it knows what changes have taught it.
//!
//! ```text
//!                       first change (JoinMidStream)
//!               ┌───────────────────────────────► Joined
//!               │                                 │    │
//!   start ─► Broken ◄──── chain broken ───────────┘    │ complete snapshot,
//!               │  ▲                                   │ chained to the changes held
//!               │  └───── chain broken ─── Complete ◄──┘
//!               └─────── complete snapshot ───▲
//! ```
//!
//! Invariants:
//! * A broken book is empty, so that nobody quotes from one by forgetting to ask.
//! * Only a snapshot marked complete makes a book [`Trust::Complete`], and only if it meets the
//!   chain of changes without a hole. While a book is not complete its changes are held, up to
//!   [`HELD_LEVELS_MAX`], because a snapshot is usually older than the newest change.
//! * Parts of a change share its identifiers: they are held and dropped together.
//! * Prices are whole ticks; a price that is not is counted and breaks the book, since leaving the
//!   level out would make it wrong.
//! * The same calls give the same book: levels are sorted vectors, and no order is left to hashing.

use std::collections::VecDeque;

use thiserror::Error;

/// Changed levels that a book which is not complete keeps for the next snapshot; the oldest go first.
pub const HELD_LEVELS_MAX: usize = 1024;
/// How far a price may be from a whole number of ticks, in ticks. Doubles near 1e5 ticks are good to
/// 1e-11 of one, so that this leaves room for prices computed by the venue and none for wrong ticks.
pub const TICK_TOLERANCE: f64 = 1e-6;
/// Largest price, in ticks: beyond it doubles no longer tell neighbouring ticks apart.
const TICKS_MAX: f64 = (1u64 << 52) as f64;

/// A side of the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Buyers.
    Bid,
    /// Sellers.
    Ask,
}

/// What a change does to a price level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Adds it.
    Create,
    /// Sets its amount.
    Change,
    /// Removes it.
    Delete,
}

/// One changed price level, as the venue says it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LevelChange {
    /// Side of the book.
    pub side: Side,
    /// What happens to the level.
    pub action: Action,
    /// Price, in the instrument's price unit.
    pub price: f64,
    /// Amount from now on, in the instrument's amount unit; not read for deletions.
    pub amount: f64,
}

/// Identity of a change, or of one part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangeHeader {
    /// The change that this one follows.
    pub prev_change_id: u64,
    /// This change.
    pub change_id: u64,
    /// The venue's time, ms since 1970 UTC.
    pub timestamp_ms: u64,
    /// Whether this part ends the change.
    pub is_last: bool,
}

/// Identity of a snapshot, or of one part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotHeader {
    /// The last change that the snapshot contains.
    pub change_id: u64,
    /// The venue's time, ms since 1970 UTC.
    pub timestamp_ms: u64,
    /// Whether the snapshot holds all levels; the last part's word counts.
    pub is_complete: bool,
    /// Whether this part ends the snapshot.
    pub is_last: bool,
}

/// How a book begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// Wait for a complete snapshot.
    #[default]
    AwaitSnapshot,
    /// Begin at the first change, with what changes teach, until a complete snapshot comes. Holds
    /// for the first change only: a book that broke waits for a snapshot.
    JoinMidStream,
}

/// How far a book's content may be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trust {
    /// Empty: nothing received yet, or a change is missing.
    Broken,
    /// Every change since the book was joined is in; levels that never changed since are not.
    Joined,
    /// A complete snapshot and every change since.
    Complete,
}

/// Which sides have levels, and how they lie to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shape {
    /// No levels.
    Empty,
    /// Bids only.
    BidOnly,
    /// Asks only.
    AskOnly,
    /// Best bid below best ask.
    Open,
    /// Best bid equal to best ask.
    Locked,
    /// Best bid above best ask.
    Crossed,
}

/// A price level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    /// Price in ticks.
    pub price_ticks: i64,
    /// Amount, in the instrument's amount unit; above zero.
    pub amount: f64,
}

/// Why a book broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Break {
    /// A change follows one that was never seen.
    Gap,
    /// A change began before the last part of the one before.
    Unfinished,
    /// Newer changes have smaller identifiers: the venue counts afresh.
    Restart,
    /// A level's price is no whole number of ticks.
    OffTick,
    /// A level has no side, action, price or amount that could be believed.
    Malformed,
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeOutcome {
    /// It is in the book.
    Applied,
    /// It is in the book, and is the first.
    Joined,
    /// The book has it already.
    Stale,
    /// The book is broken; the change is held for the next snapshot.
    Held,
    /// The change broke the book.
    Broke(Break),
}

/// What became of a snapshot, or of a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotOutcome {
    /// More parts are to come.
    Partial,
    /// The book now is the snapshot, and the changes after it.
    Installed,
    /// The book was at the same change and had the same levels.
    Confirmed,
    /// The book was at the same change with other levels, and now is the snapshot.
    Corrected,
    /// The book is ahead of it.
    Stale,
    /// It does not meet the changes held: the book stays as it was.
    Unchained,
    /// It does not hold all levels, and the book has something better.
    Incomplete,
    /// A level in it could not be believed: the book stays as it was.
    Unreadable,
}

/// What happened to a book.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BookCounts {
    /// Messages with changes, whatever became of them.
    pub changes: u64,
    /// Changes that followed the one before, as they should.
    pub links_held: u64,
    /// Changes that followed one never seen. A broken book goes on counting.
    pub gaps: u64,
    /// Times that a usable book broke, for any reason.
    pub breaks: u64,
    /// Changes that the book had already.
    pub stale_changes: u64,
    /// Levels whose price is no whole number of ticks.
    pub off_tick_levels: u64,
    /// Levels without a side, action, price or amount that could be believed.
    pub malformed_levels: u64,
    /// In a complete book: levels created that were there, or changed or deleted that were not.
    pub mismatched_levels: u64,
    /// Snapshots that became the book.
    pub snapshots_installed: u64,
    /// Snapshots equal to the book.
    pub snapshots_confirmed: u64,
    /// Snapshots at the book's change, with other levels.
    pub snapshots_corrected: u64,
    /// Snapshots passed over: stale, not chained, incomplete or unreadable.
    pub snapshots_ignored: u64,
}

/// Why a book could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
pub enum BookError {
    /// The tick size is not a number above zero.
    #[error(
        "tick size {tick_size} is not a number above zero; read it from the venue's instrument \
         definition"
    )]
    TickSize {
        /// The tick size as given.
        tick_size: f64,
    },
}

/// A price-level book.
#[derive(Clone, Debug)]
pub struct Book {
    tick_size: f64,
    start: Start,
    trust: Trust,
    is_suspect: bool,
    /// Last change seen: applied to the levels or, in a broken book, held.
    change_id: Option<u64>,
    timestamp_ms: u64,
    /// The change whose last part has not come.
    open_change: Option<(u64, u64)>,
    levels: Levels,
    held: HeldChanges,
    staged: Levels,
    staging: Option<Staging>,
    counts: BookCounts,
}

/// A snapshot whose last part has not come.
#[derive(Clone, Copy, Debug)]
struct Staging {
    change_id: u64,
    is_readable: bool,
}

/// How a change relates to what the book has seen.
enum Link {
    /// It follows the last change.
    Next,
    /// It is a further part of the last change.
    Part,
    /// Nothing was seen before it.
    First,
    Stale,
    Broken(Break),
}

impl Book {
    /// Makes an empty book.
    ///
    /// `tick_size` is the smallest price increment, in the instrument's price unit; where larger
    /// increments hold for higher prices they are multiples of it.
    ///
    /// # Errors
    /// [`BookError::TickSize`] if `tick_size` is not a number above zero.
    pub fn new(tick_size: f64, start: Start) -> Result<Self, BookError> {
        if !(tick_size.is_finite() && tick_size > 0.0) {
            return Err(BookError::TickSize { tick_size });
        }
        Ok(Self {
            tick_size,
            start,
            trust: Trust::Broken,
            is_suspect: false,
            change_id: None,
            timestamp_ms: 0,
            open_change: None,
            levels: Levels::default(),
            held: HeldChanges::default(),
            staged: Levels::default(),
            staging: None,
            counts: BookCounts::default(),
        })
    }

    /// Returns the price increment.
    pub fn tick_size(&self) -> f64 {
        self.tick_size
    }

    /// Returns how far the content may be believed.
    pub fn trust(&self) -> Trust {
        self.trust
    }

    /// Whether the content is complete, at rest and not in doubt: what quotes may be based on.
    pub fn is_reliable(&self) -> bool {
        self.trust == Trust::Complete && !self.is_suspect && self.open_change.is_none()
    }

    /// Whether packets were lost since the last change, one of which may have been a change.
    pub fn is_suspect(&self) -> bool {
        self.is_suspect
    }

    /// Whether a change has been applied in part only.
    pub fn is_mid_change(&self) -> bool {
        self.open_change.is_some()
    }

    /// Returns the last change seen.
    pub fn change_id(&self) -> Option<u64> {
        self.change_id
    }

    /// Returns the venue's time of the last change or snapshot, ms since 1970 UTC; 0 if there is none.
    pub fn timestamp_ms(&self) -> u64 {
        self.timestamp_ms
    }

    /// Returns what happened so far.
    pub fn counts(&self) -> &BookCounts {
        &self.counts
    }

    /// Returns the highest bid.
    pub fn best_bid(&self) -> Option<Level> {
        self.levels.bids.best()
    }

    /// Returns the lowest ask.
    pub fn best_ask(&self) -> Option<Level> {
        self.levels.asks.best()
    }

    /// Returns the levels of a side, best first.
    pub fn levels(&self, side: Side) -> impl ExactSizeIterator<Item = Level> + '_ {
        let levels = match side {
            Side::Bid => &self.levels.bids,
            Side::Ask => &self.levels.asks,
        };
        levels.iter()
    }

    /// Returns which sides have levels, and how they lie to each other.
    pub fn shape(&self) -> Shape {
        match (self.best_bid(), self.best_ask()) {
            (None, None) => Shape::Empty,
            (Some(_), None) => Shape::BidOnly,
            (None, Some(_)) => Shape::AskOnly,
            (Some(bid), Some(ask)) => match bid.price_ticks.cmp(&ask.price_ticks) {
                std::cmp::Ordering::Less => Shape::Open,
                std::cmp::Ordering::Equal => Shape::Locked,
                std::cmp::Ordering::Greater => Shape::Crossed,
            },
        }
    }

    /// Returns a price in the instrument's unit.
    pub fn price(&self, price_ticks: i64) -> f64 {
        price_ticks as f64 * self.tick_size
    }

    /// Takes note that packets were lost in which changes of this book may have been. The doubt ends
    /// with the next change that follows the last one seen, or with a snapshot not older than it.
    ///
    /// Parts of one change carry the same identifiers, so that a lost part leaves no mark on the
    /// chain: a change that is under way breaks the book at once. (A lost first part of a later
    /// change shows in the next snapshot only, as [`SnapshotOutcome::Corrected`].)
    pub fn suspect(&mut self) {
        self.is_suspect = true;
        if self.open_change.is_some() {
            self.break_off();
        }
    }

    /// Forgets the parts of a snapshot received so far, because one of them was lost.
    pub fn abandon_snapshot(&mut self) {
        self.staging = None;
    }

    /// Applies a change, or one part of it.
    ///
    /// A `None` among `changes` stands for a level that the venue's message left unclear; it breaks
    /// the book, as does a price that is not a whole number of ticks.
    pub fn apply_changes(
        &mut self,
        header: ChangeHeader,
        changes: impl IntoIterator<Item = Option<LevelChange>>,
    ) -> ChangeOutcome {
        self.counts.changes += 1;
        let link = self.link_of(&header);
        match link {
            Link::Stale => {
                self.counts.stale_changes += 1;
                return ChangeOutcome::Stale;
            }
            Link::Broken(reason) => {
                self.counts.gaps += u64::from(reason == Break::Gap);
                let was_usable = self.trust != Trust::Broken;
                self.break_off();
                self.advance_to(&header);
                self.held.begin(&header);
                self.hold(changes);
                return if was_usable { ChangeOutcome::Broke(reason) } else { ChangeOutcome::Held };
            }
            Link::Next => self.counts.links_held += 1,
            Link::First | Link::Part => {}
        }
        let joins = matches!(link, Link::First) && self.start == Start::JoinMidStream;
        self.advance_to(&header);
        if joins {
            self.trust = Trust::Joined;
        }
        if self.trust != Trust::Complete && !matches!(link, Link::Part) {
            self.held.begin(&header);
        }
        if self.trust == Trust::Broken {
            self.hold(changes);
            return ChangeOutcome::Held;
        }
        match self.apply_levels(changes) {
            Ok(()) if joins => ChangeOutcome::Joined,
            Ok(()) => ChangeOutcome::Applied,
            Err(reason) => {
                self.break_off();
                ChangeOutcome::Broke(reason)
            }
        }
    }

    /// Takes a snapshot, or one part of it.
    ///
    /// Parts must be handed over in order from the first; after a lost packet call
    /// [`Book::abandon_snapshot`] and pass over the parts of that snapshot still to come. `None`
    /// stands for a level that the venue's message left unclear.
    pub fn apply_snapshot(
        &mut self,
        header: SnapshotHeader,
        levels: impl IntoIterator<Item = Option<(Side, f64, f64)>>,
    ) -> SnapshotOutcome {
        let mut staging = match self.staging.take() {
            Some(staging) if staging.change_id == header.change_id => staging,
            _ => {
                self.staged.clear();
                Staging { change_id: header.change_id, is_readable: true }
            }
        };
        for level in levels {
            let level = level.map(|(side, price, amount)| LevelChange { side, action: Action::Create, price, amount });
            match self.in_ticks(level) {
                Ok(delta) => {
                    self.staged.apply(&delta);
                }
                Err(_) => staging.is_readable = false,
            }
        }
        if !header.is_last {
            self.staging = Some(staging);
            return SnapshotOutcome::Partial;
        }
        let outcome = if staging.is_readable { self.finish_snapshot(&header) } else { SnapshotOutcome::Unreadable };
        match outcome {
            SnapshotOutcome::Installed => self.counts.snapshots_installed += 1,
            SnapshotOutcome::Confirmed => self.counts.snapshots_confirmed += 1,
            SnapshotOutcome::Corrected => self.counts.snapshots_corrected += 1,
            _ => self.counts.snapshots_ignored += 1,
        }
        outcome
    }

    fn link_of(&self, header: &ChangeHeader) -> Link {
        let Some(last_id) = self.change_id else { return Link::First };
        if let Some(open) = self.open_change {
            return match open == (header.prev_change_id, header.change_id) {
                true => Link::Part,
                false => Link::Broken(Break::Unfinished),
            };
        }
        if header.prev_change_id == last_id {
            Link::Next
        } else if header.change_id > last_id {
            Link::Broken(Break::Gap)
        } else if header.timestamp_ms <= self.timestamp_ms {
            Link::Stale
        } else {
            Link::Broken(Break::Restart)
        }
    }

    /// Takes note of a change as the last one seen.
    fn advance_to(&mut self, header: &ChangeHeader) {
        self.change_id = Some(header.change_id);
        self.timestamp_ms = header.timestamp_ms;
        self.open_change = (!header.is_last).then_some((header.prev_change_id, header.change_id));
        self.is_suspect = false;
    }

    /// Empties the book. Parts still to come of the change under way will count as stale: without
    /// the earlier ones they are of no use, not even to the next snapshot.
    fn break_off(&mut self) {
        self.counts.breaks += u64::from(self.trust != Trust::Broken);
        self.trust = Trust::Broken;
        self.open_change = None;
        self.levels.clear();
        self.held.clear();
    }

    fn apply_levels(&mut self, changes: impl IntoIterator<Item = Option<LevelChange>>) -> Result<(), Break> {
        let is_complete = self.trust == Trust::Complete;
        for change in changes {
            let delta = self.in_ticks(change)?;
            let is_match = self.levels.apply(&delta);
            if is_complete {
                self.counts.mismatched_levels += u64::from(!is_match);
            } else {
                self.held.push(delta);
            }
        }
        Ok(())
    }

    /// Keeps a change of a broken book for the next snapshot.
    fn hold(&mut self, changes: impl IntoIterator<Item = Option<LevelChange>>) {
        for change in changes {
            match self.in_ticks(change) {
                Ok(delta) => self.held.push(delta),
                // A chain cannot lead through a change that is not known in full.
                Err(_) => return self.break_off(),
            }
        }
    }

    fn finish_snapshot(&mut self, header: &SnapshotHeader) -> SnapshotOutcome {
        if !header.is_complete && self.trust != Trust::Broken {
            return SnapshotOutcome::Incomplete;
        }
        let Some(last_id) = self.change_id else { return self.install(header, None) };
        if header.change_id > last_id {
            return self.install(header, None);
        }
        if header.change_id == last_id {
            return self.finish_snapshot_at_same_change(header);
        }
        if header.timestamp_ms > self.timestamp_ms {
            // Older by number and newer by time: the venue counts afresh.
            self.break_off();
            return self.install(header, None);
        }
        if self.trust == Trust::Complete {
            return SnapshotOutcome::Stale;
        }
        match self.held.position_after(header.change_id) {
            Some(position) => self.install(header, Some(position)),
            None => SnapshotOutcome::Unchained,
        }
    }

    fn finish_snapshot_at_same_change(&mut self, header: &SnapshotHeader) -> SnapshotOutcome {
        let was_complete = self.trust == Trust::Complete && self.open_change.is_none();
        let is_equal = self.levels == self.staged;
        self.install(header, None);
        match (was_complete, is_equal) {
            (true, true) => SnapshotOutcome::Confirmed,
            (true, false) => SnapshotOutcome::Corrected,
            (false, _) => SnapshotOutcome::Installed,
        }
    }

    /// Makes the staged snapshot the book, with the held changes from `replay_from` on top; `None`
    /// if the snapshot is not older than the last change.
    fn install(&mut self, header: &SnapshotHeader, replay_from: Option<usize>) -> SnapshotOutcome {
        std::mem::swap(&mut self.levels, &mut self.staged);
        self.trust = if header.is_complete { Trust::Complete } else { Trust::Joined };
        match replay_from {
            Some(position) => {
                for delta in self.held.deltas_from(position) {
                    self.levels.apply(delta);
                }
            }
            None => {
                self.change_id = Some(header.change_id);
                self.timestamp_ms = self.timestamp_ms.max(header.timestamp_ms);
                self.open_change = None;
                self.is_suspect = false;
            }
        }
        if self.trust == Trust::Complete || replay_from.is_none() {
            self.held.clear();
        }
        SnapshotOutcome::Installed
    }

    fn in_ticks(&mut self, change: Option<LevelChange>) -> Result<LevelDelta, Break> {
        let amount = |change: &LevelChange| match change.action {
            Action::Delete => Some(0.0),
            _ => (change.amount.is_finite() && change.amount > 0.0).then_some(change.amount),
        };
        let Some((change, amount)) = change.and_then(|change| Some((change, amount(&change)?))) else {
            self.counts.malformed_levels += 1;
            return Err(Break::Malformed);
        };
        let Some(price_ticks) = ticks_of(change.price, self.tick_size) else {
            self.counts.off_tick_levels += 1;
            return Err(Break::OffTick);
        };
        Ok(LevelDelta { side: change.side, action: change.action, price_ticks, amount })
    }
}

/// Returns `price` in ticks; `None` if it is not a whole number of them within [`TICK_TOLERANCE`].
pub fn ticks_of(price: f64, tick_size: f64) -> Option<i64> {
    let ticks = price / tick_size;
    let whole = ticks.round();
    // Written so that NaN fails.
    let is_whole = (ticks - whole).abs() <= TICK_TOLERANCE && whole.abs() <= TICKS_MAX;
    is_whole.then_some(whole as i64)
}

/// A changed level, price in ticks.
#[derive(Clone, Copy, Debug)]
struct LevelDelta {
    side: Side,
    action: Action,
    price_ticks: i64,
    amount: f64,
}

#[derive(Clone, Debug, PartialEq)]
struct Levels {
    bids: SideLevels,
    asks: SideLevels,
}

impl Default for Levels {
    fn default() -> Self {
        Self { bids: SideLevels::new(Side::Bid), asks: SideLevels::new(Side::Ask) }
    }
}

impl Levels {
    fn clear(&mut self) {
        self.bids.sorted.clear();
        self.asks.sorted.clear();
    }

    /// Applies a change; returns whether the level was there or not as the action implies.
    fn apply(&mut self, delta: &LevelDelta) -> bool {
        match delta.side {
            Side::Bid => self.bids.apply(delta),
            Side::Ask => self.asks.apply(delta),
        }
    }
}

/// Levels of one side, worst first: most changes are near the best, where they move least.
#[derive(Clone, Debug, PartialEq)]
struct SideLevels {
    /// 1 for bids and -1 for asks: `sign * price_ticks` grows towards the best.
    sign: i64,
    sorted: Vec<Level>,
}

impl SideLevels {
    fn new(side: Side) -> Self {
        let sign = match side {
            Side::Bid => 1,
            Side::Ask => -1,
        };
        Self { sign, sorted: Vec::new() }
    }

    fn best(&self) -> Option<Level> {
        self.sorted.last().copied()
    }

    fn iter(&self) -> impl ExactSizeIterator<Item = Level> + '_ {
        self.sorted.iter().rev().copied()
    }

    fn apply(&mut self, delta: &LevelDelta) -> bool {
        let (sign, price_ticks) = (self.sign, delta.price_ticks);
        let place = self.sorted.binary_search_by_key(&(sign * price_ticks), |l| sign * l.price_ticks);
        let level = Level { price_ticks, amount: delta.amount };
        match (place, delta.action) {
            (Ok(index), Action::Delete) => {
                self.sorted.remove(index);
            }
            (Ok(index), _) => self.sorted[index] = level,
            (Err(_), Action::Delete) => {}
            (Err(index), _) => self.sorted.insert(index, level),
        }
        place.is_ok() == (delta.action != Action::Create)
    }
}

/// Changes kept until a snapshot comes, oldest first, each following the one before.
#[derive(Clone, Debug, Default)]
struct HeldChanges {
    headers: VecDeque<HeldHeader>,
    deltas: VecDeque<LevelDelta>,
}

#[derive(Clone, Copy, Debug)]
struct HeldHeader {
    prev_change_id: u64,
    level_count: usize,
}

impl HeldChanges {
    fn clear(&mut self) {
        self.headers.clear();
        self.deltas.clear();
    }

    fn begin(&mut self, header: &ChangeHeader) {
        self.headers.push_back(HeldHeader { prev_change_id: header.prev_change_id, level_count: 0 });
        self.shed();
    }

    fn push(&mut self, delta: LevelDelta) {
        // No header: the change itself was larger than the limit and has been shed.
        let Some(header) = self.headers.back_mut() else { return };
        header.level_count += 1;
        self.deltas.push_back(delta);
        self.shed();
    }

    /// Drops whole changes, oldest first, down to the limit.
    fn shed(&mut self) {
        while self.headers.len().max(self.deltas.len()) > HELD_LEVELS_MAX {
            let Some(oldest) = self.headers.pop_front() else { return };
            self.deltas.drain(..oldest.level_count);
        }
    }

    /// Returns the place of the first change after `change_id`.
    fn position_after(&self, change_id: u64) -> Option<usize> {
        self.headers.iter().position(|header| header.prev_change_id == change_id)
    }

    fn deltas_from(&self, position: usize) -> impl Iterator<Item = &LevelDelta> {
        let skipped: usize = self.headers.iter().take(position).map(|h| h.level_count).sum();
        self.deltas.iter().skip(skipped)
    }
}
