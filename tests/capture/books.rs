//! One order book by itself: changes, chaining, snapshots, and how far it may be believed.

use super::*;

const TICK: f64 = 0.5;

fn book(start: Start) -> Book {
    Book::new(TICK, start).expect("a good tick size")
}

fn header(prev_change_id: u64, change_id: u64) -> ChangeHeader {
    ChangeHeader { prev_change_id, change_id, timestamp_ms: 1_000 + change_id, is_last: true }
}

fn part(prev_change_id: u64, change_id: u64) -> ChangeHeader {
    ChangeHeader { is_last: false, ..header(prev_change_id, change_id) }
}

fn set(side: Side, price: f64, amount: f64) -> Option<LevelChange> {
    Some(LevelChange { side, action: Action::Create, price, amount })
}

fn delete(side: Side, price: f64) -> Option<LevelChange> {
    Some(LevelChange { side, action: Action::Delete, price, amount: 0.0 })
}

fn snapshot(change_id: u64) -> SnapshotHeader {
    SnapshotHeader { change_id, timestamp_ms: 1_000 + change_id, is_complete: true, is_last: true }
}

const BID: Option<(Side, f64, f64)> = Some((Side::Bid, 100.0, 3.0));
const ASK: Option<(Side, f64, f64)> = Some((Side::Ask, 101.0, 4.0));

/// A complete book at change 10: bid 100.0, ask 101.0.
fn complete() -> Book {
    let mut book = book(Start::AwaitSnapshot);
    assert_eq!(book.apply_snapshot(snapshot(10), [BID, ASK]), SnapshotOutcome::Installed);
    assert!(book.is_reliable());
    book
}

fn best(book: &Book) -> (Option<i64>, Option<i64>) {
    (book.best_bid().map(|level| level.price_ticks), book.best_ask().map(|level| level.price_ticks))
}

#[test]
fn a_book_without_a_usable_tick_is_refused() {
    for tick_size in [0.0, -0.5, f64::NAN, f64::INFINITY] {
        assert!(Book::new(tick_size, Start::AwaitSnapshot).is_err());
    }
}

#[test]
fn changes_chain_and_move_the_best_levels() {
    let mut book = complete();
    assert_eq!(best(&book), (Some(200), Some(202)));
    assert_eq!(book.apply_changes(header(10, 12), [set(Side::Bid, 100.5, 1.0)]), ChangeOutcome::Applied);
    assert_eq!(best(&book), (Some(201), Some(202)));
    assert_eq!(book.apply_changes(header(12, 13), [delete(Side::Ask, 101.0)]), ChangeOutcome::Applied);
    assert_eq!((best(&book), book.shape()), ((Some(201), None), Shape::BidOnly));
    assert_eq!(book.price(201), 100.5);
    assert_eq!((book.counts().links_held, book.counts().gaps), (2, 0));
}

#[test]
fn one_sided_locked_and_crossed_books_are_visible() {
    let mut book = book(Start::AwaitSnapshot);
    book.apply_snapshot(snapshot(1), []);
    assert_eq!((book.shape(), book.trust()), (Shape::Empty, Trust::Complete));
    book.apply_changes(header(1, 2), [set(Side::Ask, 101.0, 1.0)]);
    assert_eq!((book.shape(), book.best_bid()), (Shape::AskOnly, None));
    book.apply_changes(header(2, 3), [set(Side::Bid, 100.5, 1.0)]);
    assert_eq!(book.shape(), Shape::Open);
    book.apply_changes(header(3, 4), [set(Side::Bid, 101.0, 1.0)]);
    assert_eq!(book.shape(), Shape::Locked);
    book.apply_changes(header(4, 5), [set(Side::Bid, 101.5, 1.0)]);
    assert_eq!((book.shape(), best(&book)), (Shape::Crossed, (Some(203), Some(202))));
    book.apply_changes(header(5, 6), [delete(Side::Ask, 101.0)]);
    assert_eq!(book.shape(), Shape::BidOnly);
}

#[test]
fn prices_below_zero_are_prices() {
    let mut book = book(Start::AwaitSnapshot);
    book.apply_snapshot(snapshot(1), [Some((Side::Bid, -1.5, 1.0)), Some((Side::Ask, -0.5, 1.0))]);
    assert_eq!((best(&book), book.shape()), ((Some(-3), Some(-1)), Shape::Open));
}

#[test]
fn a_missing_change_empties_the_book_until_a_snapshot_meets_the_changes_held() {
    let mut book = complete();
    let broke = book.apply_changes(header(11, 12), [set(Side::Bid, 100.5, 1.0)]);
    assert_eq!(broke, ChangeOutcome::Broke(Break::Gap));
    assert_eq!((book.trust(), book.shape(), book.counts().gaps), (Trust::Broken, Shape::Empty, 1));
    assert_eq!(book.apply_changes(header(12, 14), [set(Side::Ask, 100.5, 2.0)]), ChangeOutcome::Held);
    assert_eq!(book.apply_snapshot(snapshot(10), [BID, ASK]), SnapshotOutcome::Unchained);
    assert_eq!(book.trust(), Trust::Broken);
    // At change 11: what was lost is in it, what came after is held.
    assert_eq!(book.apply_snapshot(snapshot(11), [ASK]), SnapshotOutcome::Installed);
    assert!(book.is_reliable());
    assert_eq!((best(&book), book.shape()), ((Some(201), Some(201)), Shape::Locked));
    assert_eq!(book.apply_changes(header(14, 15), []), ChangeOutcome::Applied);
}

#[test]
fn a_snapshot_newer_than_every_change_needs_none_of_them() {
    let mut book = complete();
    book.apply_changes(header(11, 12), [set(Side::Bid, 100.5, 1.0)]);
    assert_eq!(book.apply_snapshot(snapshot(20), [BID]), SnapshotOutcome::Installed);
    assert_eq!((best(&book), book.change_id()), ((Some(200), None), Some(20)));
    // Changes that the snapshot contains come late on the other channel.
    assert_eq!(book.apply_changes(header(12, 20), [set(Side::Bid, 99.0, 1.0)]), ChangeOutcome::Stale);
    assert_eq!(book.apply_changes(header(20, 21), [set(Side::Bid, 99.0, 1.0)]), ChangeOutcome::Applied);
}

#[test]
fn a_second_gap_while_broken_is_counted_and_restarts_the_chain() {
    let mut book = complete();
    book.apply_changes(header(11, 12), [set(Side::Bid, 100.5, 1.0)]);
    assert_eq!(book.apply_changes(header(13, 14), [set(Side::Bid, 99.0, 1.0)]), ChangeOutcome::Held);
    assert_eq!((book.counts().gaps, book.counts().breaks), (2, 1));
    assert_eq!(book.apply_snapshot(snapshot(12), [BID, ASK]), SnapshotOutcome::Unchained);
    assert_eq!(book.apply_snapshot(snapshot(13), [ASK]), SnapshotOutcome::Installed);
    assert_eq!(best(&book), (Some(198), Some(202)));
}

#[test]
fn a_book_may_join_at_the_first_change_and_becomes_complete_with_a_snapshot() {
    let mut book = book(Start::JoinMidStream);
    assert_eq!(book.trust(), Trust::Broken);
    assert_eq!(book.apply_changes(header(7, 8), [set(Side::Bid, 100.0, 1.0)]), ChangeOutcome::Joined);
    assert_eq!((book.trust(), book.is_reliable()), (Trust::Joined, false));
    assert_eq!(book.apply_changes(header(8, 9), [delete(Side::Ask, 105.0)]), ChangeOutcome::Applied);
    assert_eq!((best(&book), book.counts().mismatched_levels), ((Some(200), None), 0));
    assert_eq!(book.apply_snapshot(snapshot(7), [ASK, Some((Side::Ask, 105.0, 1.0))]), SnapshotOutcome::Installed);
    assert!(book.is_reliable());
    assert_eq!((best(&book), book.levels(Side::Ask).len()), ((Some(200), Some(202)), 1));
    assert_eq!(book.change_id(), Some(9));
}

#[test]
fn a_joined_book_that_breaks_waits_for_a_snapshot() {
    let mut book = book(Start::JoinMidStream);
    book.apply_changes(header(7, 8), [set(Side::Bid, 100.0, 1.0)]);
    assert_eq!(book.apply_changes(header(9, 10), []), ChangeOutcome::Broke(Break::Gap));
    assert_eq!(book.apply_changes(header(10, 11), [set(Side::Bid, 100.0, 1.0)]), ChangeOutcome::Held);
    assert_eq!((book.trust(), book.shape()), (Trust::Broken, Shape::Empty));
}

#[test]
fn a_joined_book_forgets_its_oldest_changes_beyond_the_limit() {
    let mut book = book(Start::JoinMidStream);
    let last = HELD_LEVELS_MAX as u64 + 100;
    for change_id in 1..=last {
        book.apply_changes(header(change_id - 1, change_id), [set(Side::Bid, change_id as f64, 1.0)]);
    }
    assert_eq!(book.trust(), Trust::Joined);
    assert_eq!(book.apply_snapshot(snapshot(50), [BID]), SnapshotOutcome::Unchained);
    assert_eq!(book.apply_snapshot(snapshot(100), [BID]), SnapshotOutcome::Installed);
    assert_eq!(book.levels(Side::Bid).len(), HELD_LEVELS_MAX + 1);
    assert_eq!((book.trust(), book.change_id()), (Trust::Complete, Some(last)));
}

#[test]
fn a_single_change_beyond_the_limit_is_not_replayed_in_part() {
    let mut book = book(Start::AwaitSnapshot);
    let many = (0..=HELD_LEVELS_MAX).map(|ticks| set(Side::Bid, ticks as f64, 1.0));
    assert_eq!(book.apply_changes(header(1, 2), many), ChangeOutcome::Held);
    assert_eq!(book.apply_snapshot(snapshot(1), [BID]), SnapshotOutcome::Unchained);
    assert_eq!(book.apply_snapshot(snapshot(2), [BID]), SnapshotOutcome::Installed);
}

#[test]
fn repeated_changes_are_stale_and_ids_that_start_afresh_break_the_book() {
    let mut book = complete();
    book.apply_changes(header(10, 12), [set(Side::Bid, 100.5, 1.0)]);
    assert_eq!(book.apply_changes(header(10, 12), [set(Side::Bid, 100.5, 9.0)]), ChangeOutcome::Stale);
    assert_eq!(book.best_bid(), Some(Level { price_ticks: 201, amount: 1.0 }));
    let afresh = ChangeHeader { timestamp_ms: 9_000, ..header(0, 1) };
    assert_eq!(book.apply_changes(afresh, []), ChangeOutcome::Broke(Break::Restart));
    assert_eq!(book.change_id(), Some(1));
    let snapshot = SnapshotHeader { timestamp_ms: 9_000, ..snapshot(1) };
    assert_eq!(book.apply_snapshot(snapshot, [BID, ASK]), SnapshotOutcome::Installed);
    assert!(book.is_reliable());
}

#[test]
fn a_snapshot_with_ids_that_start_afresh_replaces_the_book() {
    let mut book = complete();
    let afresh = SnapshotHeader { timestamp_ms: 9_000, ..snapshot(2) };
    assert_eq!(book.apply_snapshot(afresh, [ASK]), SnapshotOutcome::Installed);
    assert_eq!((best(&book), book.change_id()), ((None, Some(202)), Some(2)));
    assert_eq!(book.counts().breaks, 1);
}

#[test]
fn a_snapshot_older_than_the_book_is_passed_over_and_an_equal_one_confirms_it() {
    let mut book = complete();
    book.apply_changes(header(10, 12), [set(Side::Bid, 100.5, 1.0)]);
    assert_eq!(book.apply_snapshot(snapshot(10), [BID]), SnapshotOutcome::Stale);
    let levels = [Some((Side::Bid, 100.5, 1.0)), BID, ASK];
    assert_eq!(book.apply_snapshot(snapshot(12), levels), SnapshotOutcome::Confirmed);
    assert_eq!(book.apply_snapshot(snapshot(12), [BID, ASK]), SnapshotOutcome::Corrected);
    assert_eq!(best(&book), (Some(200), Some(202)));
    assert_eq!((book.counts().snapshots_confirmed, book.counts().snapshots_corrected), (1, 1));
}

#[test]
fn a_snapshot_in_parts_counts_from_its_last_part() {
    let mut book = book(Start::AwaitSnapshot);
    let first = SnapshotHeader { is_last: false, ..snapshot(10) };
    assert_eq!(book.apply_snapshot(first, [BID]), SnapshotOutcome::Partial);
    assert_eq!((book.trust(), book.shape()), (Trust::Broken, Shape::Empty));
    assert_eq!(book.apply_snapshot(snapshot(10), [ASK]), SnapshotOutcome::Installed);
    assert_eq!(best(&book), (Some(200), Some(202)));
}

#[test]
fn parts_of_different_snapshots_do_not_mix() {
    let mut book = book(Start::AwaitSnapshot);
    book.apply_snapshot(SnapshotHeader { is_last: false, ..snapshot(10) }, [BID]);
    assert_eq!(book.apply_snapshot(snapshot(11), [ASK]), SnapshotOutcome::Installed);
    assert_eq!(best(&book), (None, Some(202)));
    book.apply_snapshot(SnapshotHeader { is_last: false, ..snapshot(12) }, [BID]);
    book.abandon_snapshot();
    assert_eq!(book.apply_snapshot(snapshot(12), [ASK]), SnapshotOutcome::Installed);
    assert_eq!(best(&book), (None, Some(202)));
}

#[test]
fn an_incomplete_snapshot_never_makes_a_book_complete() {
    let mut empty = book(Start::AwaitSnapshot);
    let part = SnapshotHeader { is_complete: false, ..snapshot(10) };
    assert_eq!(empty.apply_snapshot(part, [BID]), SnapshotOutcome::Installed);
    assert_eq!((empty.trust(), best(&empty)), (Trust::Joined, (Some(200), None)));
    let mut book = complete();
    assert_eq!(book.apply_snapshot(SnapshotHeader { change_id: 11, ..part }, [BID]), SnapshotOutcome::Incomplete);
    assert_eq!((book.trust(), best(&book)), (Trust::Complete, (Some(200), Some(202))));
}

#[test]
fn a_change_in_parts_is_unreliable_until_its_last() {
    let mut book = complete();
    assert_eq!(book.apply_changes(part(10, 11), [delete(Side::Bid, 100.0)]), ChangeOutcome::Applied);
    assert!(book.is_mid_change() && !book.is_reliable());
    assert_eq!(book.apply_changes(header(10, 11), [set(Side::Bid, 99.0, 1.0)]), ChangeOutcome::Applied);
    assert!(book.is_reliable());
    assert_eq!((best(&book), book.counts().links_held), ((Some(198), Some(202)), 1));
}

#[test]
fn a_change_without_its_last_part_breaks_the_book() {
    let mut book = complete();
    book.apply_changes(part(10, 11), [delete(Side::Bid, 100.0)]);
    let broke = book.apply_changes(header(11, 12), [set(Side::Bid, 99.0, 1.0)]);
    assert_eq!(broke, ChangeOutcome::Broke(Break::Unfinished));
    assert_eq!(book.apply_snapshot(snapshot(11), [ASK]), SnapshotOutcome::Installed);
    assert_eq!(best(&book), (Some(198), Some(202)));
}

#[test]
fn lost_packets_put_a_book_in_doubt_until_the_next_change_chains() {
    let mut book = complete();
    book.suspect();
    assert!(book.is_suspect() && !book.is_reliable());
    assert_eq!(book.trust(), Trust::Complete);
    book.apply_changes(header(10, 11), []);
    assert!(book.is_reliable());
    book.suspect();
    assert_eq!(book.apply_snapshot(snapshot(11), [BID, ASK]), SnapshotOutcome::Confirmed);
    assert!(book.is_reliable());
}

#[test]
fn lost_packets_in_the_middle_of_a_change_break_the_book() {
    let mut book = complete();
    book.apply_changes(part(10, 11), [delete(Side::Bid, 100.0)]);
    book.suspect();
    assert_eq!(book.trust(), Trust::Broken);
    assert_eq!(book.apply_changes(header(10, 11), [set(Side::Bid, 99.0, 1.0)]), ChangeOutcome::Stale);
    assert_eq!(book.apply_snapshot(snapshot(10), [BID, ASK]), SnapshotOutcome::Unchained);
    assert_eq!(book.apply_snapshot(snapshot(11), [ASK]), SnapshotOutcome::Installed);
}

#[test]
fn prices_off_the_tick_and_unclear_levels_are_counted_and_break_the_book() {
    let price = |price| [set(Side::Bid, price, 1.0)];
    for (changes, reason) in [
        (price(100.25), Break::OffTick),
        (price(100.000_01), Break::OffTick),
        (price(f64::NAN), Break::OffTick),
        (price(1e300), Break::OffTick),
        (price(f64::INFINITY), Break::OffTick),
        ([set(Side::Bid, 100.0, f64::NAN)], Break::Malformed),
        ([set(Side::Bid, 100.0, 0.0)], Break::Malformed),
        ([set(Side::Bid, 100.0, -1.0)], Break::Malformed),
        ([None], Break::Malformed),
    ] {
        let mut book = complete();
        assert_eq!(book.apply_changes(header(10, 11), changes), ChangeOutcome::Broke(reason));
        assert_eq!((book.trust(), book.shape()), (Trust::Broken, Shape::Empty));
        let counts = *book.counts();
        assert_eq!(counts.off_tick_levels + counts.malformed_levels, 1);
        // The chain goes on: a snapshot that has the change makes the book good again.
        assert_eq!(book.apply_changes(header(11, 12), [set(Side::Bid, 99.0, 1.0)]), ChangeOutcome::Held);
        assert_eq!(book.apply_snapshot(snapshot(10), [BID, ASK]), SnapshotOutcome::Unchained);
        assert_eq!(book.apply_snapshot(snapshot(11), [ASK]), SnapshotOutcome::Installed);
        assert_eq!(best(&book), (Some(198), Some(202)));
    }
}

#[test]
fn rounding_of_the_venue_is_within_the_tolerance() {
    let mut book = Book::new(0.0001, Start::AwaitSnapshot).expect("a good tick size");
    let price = 0.0125 + f64::EPSILON;
    assert_eq!(book.apply_snapshot(snapshot(1), [Some((Side::Bid, price, 1.0))]), SnapshotOutcome::Installed);
    assert_eq!(book.best_bid(), Some(Level { price_ticks: 125, amount: 1.0 }));
}

#[test]
fn an_unreadable_snapshot_leaves_the_book_as_it_was() {
    let mut book = complete();
    let off_tick = [Some((Side::Bid, 100.1, 1.0)), ASK];
    assert_eq!(book.apply_snapshot(snapshot(11), off_tick), SnapshotOutcome::Unreadable);
    assert_eq!((book.trust(), best(&book)), (Trust::Complete, (Some(200), Some(202))));
    assert_eq!(book.apply_snapshot(snapshot(11), [None, BID]), SnapshotOutcome::Unreadable);
    assert_eq!(book.counts().snapshots_ignored, 2);
}

#[test]
fn changes_that_do_not_fit_a_complete_book_are_counted() {
    let mut book = complete();
    let change = |price| Some(LevelChange { side: Side::Bid, action: Action::Change, price, amount: 7.0 });
    book.apply_changes(header(10, 11), [set(Side::Bid, 100.0, 5.0), change(99.0), delete(Side::Ask, 102.0)]);
    assert_eq!(book.counts().mismatched_levels, 3);
    assert_eq!(book.levels(Side::Bid).map(|level| level.amount).collect::<Vec<_>>(), [5.0, 7.0]);
}
