//! Commands that are refused: by their header, and by what they say of a quote, a trade, an order or a mode.

use hedgewire_abi::command::{Configure, Control, Header, Quote, SetTarget, Swap, Time, Trade, code};
use hedgewire_abi::event::Refused;
use hedgewire_abi::format::QUANTITY_MAX;
use hedgewire_abi::{Command, Reason, VERSION};

use crate::scenario::{Scenario, after_first_clip, update};
use crate::support::{Machine, START_NS, reason};

/// A machine that hedges, for commands to be tried on.
pub fn ready() -> Machine {
    Scenario::selling().machine()
}

/// Reason of one command on a machine that hedges.
pub fn tried(encode: impl FnOnce(Header) -> Command) -> Reason {
    reason(&ready().send(encode))
}

#[test]
fn another_version_is_refused_and_uses_no_number_up() {
    let mut machine = ready();
    let next = machine.kernel.next_command_seq();
    for version in [0, VERSION + 1, u8::MAX] {
        let bent = |h| {
            let mut command = Time { flags: 0 }.encode(h);
            command.0[1] = version;
            command
        };
        assert_eq!(reason(&machine.send(bent)), Reason::BadVersion);
    }
    assert_eq!(machine.kernel.next_command_seq(), next);
}

#[test]
fn only_the_successor_is_accepted_and_a_refused_number_is_not_used_up() {
    let mut machine = ready();
    let next = machine.kernel.next_command_seq();
    for seq in [0, next - 1, next + 1, u64::MAX] {
        assert_eq!(reason(&machine.send(|h| Time { flags: 0 }.encode(h).with_seq(seq))), Reason::BadSequence);
        assert_eq!(machine.kernel.next_command_seq(), next);
    }
    machine.must(|h| Time { flags: 0 }.encode(h));
    assert_eq!(machine.kernel.next_command_seq(), next + 1);
}

#[test]
fn time_may_stand_still_and_not_go_back() {
    let mut machine = ready();
    machine.must(|h| Time { flags: 0 }.encode(h));
    assert_eq!(
        reason(&machine.send(|h| Time { flags: 0 }.encode(Header { now_ns: START_NS - 1, ..h }))),
        Reason::TimeBackwards
    );
    machine.must(|h| Time { flags: 0 }.encode(h));
}

#[test]
fn kinds_between_the_known_ones_are_refused() {
    for kind in [0, 10, 15, 20, 31, 36, u8::MAX] {
        let bent = |h| {
            let mut command = Time { flags: 0 }.encode(h);
            command.0[0] = kind;
            command
        };
        assert_eq!(tried(bent), Reason::BadKind, "kind {kind}");
    }
}

#[test]
fn every_reserved_bit_of_every_command_is_refused() {
    let mut machine = ready();
    for layout in hedgewire_abi::command::LAYOUTS {
        let reserved = layout.reserved_words();
        for bit in (0..512).filter(|bit| reserved[bit / 64] >> (bit % 64) & 1 == 1) {
            let bent = |h| {
                let mut command = Time { flags: 0 }.encode(h);
                command.0[0] = layout.kind;
                command.0[bit / 8] |= 1 << (bit % 8);
                command
            };
            assert_eq!(reason(&machine.send(bent)), Reason::ReservedBits, "{} bit {bit}", layout.name);
        }
    }
}

#[test]
fn underlying_must_exist_and_be_configured() {
    let mut machine = ready();
    for underlying in [1, 2, u8::MAX] {
        machine.underlying = underlying;
        assert_eq!(reason(&machine.send(|h| Time { flags: 0 }.encode(h))), Reason::BadUnderlying);
    }
    machine.underlying = 2;
    let set = Configure { first_slot: 64, slot_count: 64, exact_mode: 0 };
    assert_eq!(reason(&machine.send(|h| set.encode(h))), Reason::BadUnderlying);
    machine.underlying = 1;
    machine.must(|h| set.encode(h));
    machine.must(|h| SetTarget::default().encode(h));
}

#[test]
fn configure_wants_whole_blocks_of_slots_that_nobody_has() {
    let configured = |first_slot, slot_count, exact_mode| {
        let mut machine = ready();
        machine.underlying = 1;
        reason(&machine.send(|h| Configure { first_slot, slot_count, exact_mode }.encode(h)))
    };
    assert_eq!(configured(64, 64, 1), Reason::None);
    assert_eq!(configured(64, 64, 2), Reason::ValueRange);
    assert_eq!(configured(64, 0, 0), Reason::ValueRange);
    assert_eq!(configured(64, 63, 0), Reason::ValueRange);
    assert_eq!(configured(65, 64, 0), Reason::ValueRange);
    assert_eq!(configured(64, 128, 0), Reason::ValueRange);
    assert_eq!(configured(u32::MAX - 63, 64, 0), Reason::ValueRange);
    assert_eq!(configured(0, 64, 0), Reason::BadSlot);
    assert_eq!(configured(0, 128, 0), Reason::BadSlot);
}

#[test]
fn control_knows_seven_actions() {
    for action in 0..7 {
        assert_eq!(tried(|h| Control { action }.encode(h)), Reason::None);
    }
    assert_eq!(tried(|h| Control { action: 7 }.encode(h)), Reason::ValueRange);
}

#[test]
fn quote_must_have_prices_in_order_and_a_newer_sequence() {
    let base = Scenario::selling().quote;
    let quoted = |quote: Quote| tried(|h| quote.encode(h));
    assert_eq!(quoted(Quote { price: 0, ..base }), Reason::ValueRange);
    assert_eq!(quoted(Quote { hedge_price: 0, ..base }), Reason::ValueRange);
    assert_eq!(quoted(Quote { bid: base.ask, ..base }), Reason::Crossed);
    assert_eq!(quoted(Quote { bid: base.ask + 1, ..base }), Reason::Crossed);
    assert_eq!(quoted(Quote { bid: base.ask - 1, ..base }), Reason::None);
}

#[test]
fn feed_sequence_wraps_and_half_a_turn_ahead_is_behind() {
    let mut machine = ready();
    let mut said = |feed_seq| {
        let quote = Quote { feed_seq, ..Scenario::selling().quote };
        reason(&machine.send(|h| quote.encode(h)))
    };
    assert_ne!(said(u32::MAX - 1), Reason::FeedSequence);
    assert_eq!(said(u32::MAX - 1), Reason::FeedSequence);
    assert_eq!(said(u32::MAX - 2), Reason::FeedSequence);
    assert_eq!(said((u32::MAX - 1).wrapping_add(1 << 31)), Reason::FeedSequence);
    assert_ne!(said(1), Reason::FeedSequence);
    assert_ne!(said(1 << 31), Reason::FeedSequence);
}

#[test]
fn trade_must_name_its_own_slot_and_a_quantity_within_range() {
    let traded = |slot, quantity| tried(|h| Trade { slot, quantity, cash: 0 }.encode(h));
    assert_eq!(traded(64, 1), Reason::BadSlot);
    assert_ne!(traded(63, 1), Reason::BadSlot);
    assert_eq!(traded(2, QUANTITY_MAX + 1), Reason::ValueRange);
    assert_eq!(traded(2, i32::MIN), Reason::ValueRange);
    assert_ne!(traded(2, QUANTITY_MAX), Reason::ValueRange);
    assert_ne!(traded(2, -QUANTITY_MAX), Reason::ValueRange);
}

#[test]
fn order_update_of_a_status_that_does_not_exist_is_refused() {
    let updated = |status| reason(&update(&mut after_first_clip(|_| ()), status, 0, 0));
    assert_eq!(updated(2), Reason::None);
    assert_eq!(updated(3), Reason::ValueRange);
}

#[test]
fn flags_that_mean_nothing_are_reserved() {
    for bit in 0..8 {
        let expected = |known: u8| if known >> bit & 1 == 1 { Reason::None } else { Reason::ReservedBits };
        let quote = Quote { flags: 1 << bit, ..Scenario::selling().quote };
        let refusal = |reason: Reason| if reason == Reason::ReservedBits { reason } else { Reason::None };
        assert_eq!(refusal(tried(|h| quote.encode(h))), expected(code::QUOTE_UNTRUSTED | code::WANT_RISK));
        assert_eq!(refusal(tried(|h| Time { flags: 1 << bit }.encode(h))), expected(code::WANT_RISK));
    }
}

#[test]
fn the_kind_of_a_refused_command_is_in_its_event() {
    let events = ready().send(|h| Swap {}.encode(h));
    assert_eq!(Refused::decode(&events[0]).command_kind, Swap::KIND);
    assert_eq!(events[0].kind(), Refused::KIND);
}
