//! Banks, rows, ladders and swaps that are refused.

use hedgewire_abi::Reason;
use hedgewire_abi::command::{Build, OpenBank, Swap, WriteRow, code};
use hedgewire_abi::event::Swapped;
use hedgewire_abi::format::{A_MAX, B_MAX};

use crate::commands::{ready, tried};
use crate::scenario::Scenario;
use crate::support::portfolio::PRICE_REF;
use crate::support::{Machine, reason};

#[test]
fn bank_parameters_are_refused_outside_their_range() {
    let set = |change: fn(&mut OpenBank)| {
        let mut bank = Scenario::selling().bank;
        change(&mut bank);
        tried(|h| bank.encode(h))
    };
    let fine: [fn(&mut OpenBank); 10] = [
        |b| b.bank_id = 65_535,
        |b| b.price_ref = 1,
        |b| b.contract_scale = 1 << 31,
        |b| b.contract_shift = 120,
        |b| b.band_shift = 60,
        |b| b.band_kind = 2,
        |b| b.hedge_kind = 1,
        |b| b.numeraire = 1,
        |b| b.vega_bits = 48,
        |b| b.vega_bits = -24,
    ];
    let bad: [fn(&mut OpenBank); 14] = [
        |b| b.bank_id = 65_536,
        |b| b.price_ref = 0,
        |b| b.contract_scale = (1 << 31) - 1,
        |b| b.contract_shift = 121,
        |b| b.band_shift = 61,
        |b| b.band_kind = 3,
        |b| b.hedge_kind = 2,
        |b| b.numeraire = 2,
        |b| b.vega_bits = 49,
        |b| b.vega_bits = -25,
        |b| (b.delta_bits, b.gamma_bits) = (49, 49),
        |b| (b.delta_bits, b.gamma_bits) = (-25, -25),
        // kg + 23 - kd is a shift of 0 to 62.
        |b| b.gamma_bits = -4,
        |b| (b.delta_bits, b.gamma_bits) = (0, 40),
    ];
    fine.iter().for_each(|&change| assert_eq!(set(change), Reason::None));
    bad.iter().for_each(|&change| assert_eq!(set(change), Reason::ValueRange));
    assert_eq!(set(|b| b.gamma_bits = -3), Reason::None);
    assert_eq!(set(|b| (b.delta_bits, b.gamma_bits) = (0, 39)), Reason::None);
}

/// Reason of a row on an open bank.
fn row_tried(row: WriteRow) -> Reason {
    let mut machine = ready();
    machine.must(|h| Scenario::selling().bank.encode(h));
    reason(&machine.send(|h| row.encode(h)))
}

#[test]
fn rows_are_refused_outside_their_range() {
    let option = WriteRow { row_kind: code::CALL, a: A_MAX, b: B_MAX, ..WriteRow::default() };
    let range = WriteRow { row_kind: code::RANGE, a: 5, b: 5, ..WriteRow::default() };
    let fine = [
        option,
        WriteRow { b: -B_MAX, row_kind: code::PUT, ..option },
        WriteRow { shift_delta: 62, shift_gamma: 62, shift_vega: 62, ..option },
        range,
        WriteRow { a: 0, b: 1 << 31, ..range },
    ];
    let bad = [
        WriteRow { a: A_MAX + 1, ..option },
        WriteRow { b: B_MAX + 1, ..option },
        WriteRow { b: -B_MAX - 1, ..option },
        WriteRow { b: i64::MIN, ..option },
        WriteRow { shift_delta: 63, ..option },
        WriteRow { shift_gamma: 63, ..option },
        WriteRow { shift_vega: 63, ..option },
        WriteRow { group: 2, ..option },
        WriteRow { row_kind: 5, a: 0, b: 0, ..option },
        WriteRow { a: 6, ..range },
        WriteRow { b: (1 << 31) + 1, ..range },
        WriteRow { row_kind: code::CONSTANT, a: 1, ..WriteRow::default() },
        WriteRow { row_kind: code::EMPTY, b: 1, ..WriteRow::default() },
    ];
    fine.iter().for_each(|&row| assert_eq!(row_tried(row), Reason::None, "{row:?}"));
    bad.iter().for_each(|&row| assert_eq!(row_tried(row), Reason::ValueRange, "{row:?}"));
    assert_eq!(row_tried(WriteRow { slot: 63, ..option }), Reason::None);
    assert_eq!(row_tried(WriteRow { slot: 64, ..option }), Reason::BadSlot);
}

#[test]
fn bank_is_written_only_while_it_is_open() {
    let row = WriteRow::default();
    assert_eq!(tried(|h| row.encode(h)), Reason::BankClosed, "not opened since the swap");
    let mut machine = ready();
    open_and_write(&mut machine, 64);
    machine.must(|h| row.encode(h));
    machine.must(|h| Build { centre: PRICE_REF, intervals: 8, step_shift: 12 }.encode(h));
    assert_eq!(reason(&machine.send(|h| row.encode(h))), Reason::BankClosed, "a ladder is being built on it");
}

fn open_and_write(machine: &mut Machine, slots: u32) {
    machine.must(|h| Scenario::selling().bank.encode(h));
    for slot in 0..slots {
        machine.must(|h| WriteRow { slot, ..WriteRow::default() }.encode(h));
    }
}

#[test]
fn build_wants_a_complete_bank_and_a_ladder_within_reach() {
    let built = |slots, build: Build| {
        let mut machine = ready();
        if slots > 0 {
            open_and_write(&mut machine, slots);
        }
        reason(&machine.send(|h| build.encode(h)))
    };
    let fine = Build { centre: PRICE_REF, intervals: 8, step_shift: 12 };
    assert_eq!(built(64, fine), Reason::None);
    assert_eq!(built(63, fine), Reason::BankIncomplete);
    assert_eq!(built(0, fine), Reason::BankClosed);
    assert_eq!(built(64, Build { intervals: 2, ..fine }), Reason::None);
    assert_eq!(built(64, Build { intervals: 1, ..fine }), Reason::ValueRange);
    assert_eq!(built(64, Build { intervals: 9, ..fine }), Reason::ValueRange);
    assert_eq!(built(64, Build { step_shift: 4, ..fine }), Reason::None);
    assert_eq!(built(64, Build { step_shift: 3, ..fine }), Reason::ValueRange);
    assert_eq!(built(64, Build { step_shift: 16, ..fine }), Reason::None);
    assert_eq!(built(64, Build { step_shift: 17, ..fine }), Reason::ValueRange);
    assert_eq!(built(64, Build { centre: PRICE_REF / 100 * 163, ..fine }), Reason::None);
    assert_eq!(built(64, Build { centre: PRICE_REF / 100 * 164, ..fine }), Reason::LadderRange);
    assert_eq!(built(64, Build { centre: PRICE_REF / 100 * 61, ..fine }), Reason::LadderRange);
    assert_eq!(built(64, Build { centre: 0, ..fine }), Reason::LadderRange);
    assert_eq!(built(64, Build { centre: u32::MAX, ..fine }), Reason::LadderRange);
}

#[test]
fn swap_wants_a_ladder() {
    assert_eq!(tried(|h| Swap {}.encode(h)), Reason::NotBuilt);
    let mut machine = ready();
    open_and_write(&mut machine, 64);
    assert_eq!(reason(&machine.send(|h| Swap {}.encode(h))), Reason::NotBuilt);
    machine.must(|h| Build { centre: PRICE_REF, intervals: 8, step_shift: 12 }.encode(h));
    assert_eq!(machine.must(|h| Swap {}.encode(h))[0].kind(), Swapped::KIND, "it waits for the build");
}
